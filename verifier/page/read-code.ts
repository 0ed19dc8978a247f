/** The text of a QR code in a picture, read on this computer. */
import decodeQR from 'qr/decode.js';

/** Larger pictures are made smaller, for a code needs no more; drawings without a size are drawn so large. */
const SIDE = 1500;

/** Undefined where there is no code in the picture, or no picture in the file. */
export async function readCode(file: Blob): Promise<string | undefined> {
  const url = URL.createObjectURL(file);
  try {
    const picture = new Image();
    picture.src = url;
    await picture.decode();
    const { naturalWidth, naturalHeight } = picture;
    const isDrawing = file.type === 'image/svg+xml' || naturalWidth === 0;
    const scale = Math.min(1, SIDE / Math.max(naturalWidth, naturalHeight));
    const width = isDrawing ? SIDE : Math.round(naturalWidth * scale);
    const height = isDrawing ? SIDE : Math.round(naturalHeight * scale);
    const canvas = new OffscreenCanvas(width, height).getContext('2d')!;
    canvas.fillStyle = 'white'; // a code may be drawn on nothing
    canvas.fillRect(0, 0, width, height);
    canvas.drawImage(picture, 0, 0, width, height);
    return decodeQR(canvas.getImageData(0, 0, width, height));
  } catch {
    return undefined;
  } finally {
    URL.revokeObjectURL(url);
  }
}
