/**
 * `chorus run`: what ends it, before anything that takes time. Settings and the client of Kafka take a while to load, and a
 * supervisor that changes its mind meanwhile is to see an end in order.
 */
import { onInterrupt } from './interrupt.ts';
import type { Environment } from './secrets.ts';

export interface RunFlags {
  readonly config?: string;
  readonly stages?: string;
  readonly workers?: string;
}

/** Returns the exit code. @throws ConfigError for settings and flags, before anything has begun */
export async function runCommand(flags: RunFlags, env: Environment): Promise<number> {
  const interrupt = onInterrupt();
  try {
    const { runDeployment } = await import('./run-deployment.ts');
    return await runDeployment(flags, env, interrupt);
  } finally {
    interrupt.dispose();
  }
}
