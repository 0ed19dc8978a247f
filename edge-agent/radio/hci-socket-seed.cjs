/**
 * Stands in for `@abandonware/bluetooth-hci-socket` while noble's HCI layer is loaded (see load-noble.ts). `new Hci()`
 * constructs a socket at once, and the native one throws where the kernel has no Bluetooth; this one returns the
 * transport that was put into `next`.
 */
function HciSocketSeed() {
  const transport = HciSocketSeed.next;
  HciSocketSeed.next = undefined;
  if (!transport) throw new Error('no HCI transport was provided');
  return transport;
}
HciSocketSeed.next = undefined;
module.exports = HciSocketSeed;
