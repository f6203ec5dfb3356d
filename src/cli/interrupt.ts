/** Ctrl-C: the first one ends the reading and lets the work finish, the second one ends the process. */

export interface Interrupt {
  readonly signal: AbortSignal;
  abort(): void;
  /** Gives the signals back to the system. */
  dispose(): void;
}

export function onInterrupt(): Interrupt {
  const controller = new AbortController();
  const take = (signal: NodeJS.Signals): void => {
    if (!controller.signal.aborted) return controller.abort();
    // By the signal itself, which a shell tells as 130: process.exit waits for what is being read, a silent pipe for ever.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  };
  process.on('SIGINT', take);
  process.on('SIGTERM', take);
  return {
    signal: controller.signal,
    abort: () => controller.abort(),
    dispose: () => {
      process.off('SIGINT', take);
      process.off('SIGTERM', take);
    },
  };
}

/** Resolves when the signal comes, or has come. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Standard input, which ends when the signal comes: a pipe without data would hold the reader for ever. */
export async function* stdinUntil(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { stdin } = process;
  const destroy = (): void => void stdin.destroy();
  signal.addEventListener('abort', destroy, { once: true });
  try {
    yield* stdin as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', destroy);
  }
}
