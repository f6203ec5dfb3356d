/** Preloaded beside tsx, which on Node 20 gives TypeScript to the main thread only. */
import { isMainThread } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

if (!isMainThread) register();
