/** Preloaded into a process that is to fall by an exception that nobody catches, when it is told to. */
process.on('SIGUSR2', () => {
  throw new Error('told to fall');
});
