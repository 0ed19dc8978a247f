/** The QR code of a receipt as an SVG that prints at any size. */
import encodeQR from 'qr';

/** Plenty for a receipt on paper: the least redundancy keeps the modules large. */
export function drawReceiptCode(text: string): string {
  return encodeQR(text, 'svg', { ecc: 'low', encoding: 'alphanumeric', border: 4 });
}
