/** The progress bar of a replay, on a terminal only. */
import cliProgress from 'cli-progress';
import type { SourceProgress } from '../runtime/post-source.ts';
import type { ReplayProgress } from '../runtime/replay.ts';

const REDRAWN_EACH_MS = 100;

export interface Progress {
  readonly update: (progress: ReplayProgress) => void;
  stop(): void;
}

/** Undefined where standard error is no terminal. */
export function startProgress(stream: NodeJS.WriteStream = process.stderr): Progress | undefined {
  if (!stream.isTTY) return undefined;
  const bar = new cliProgress.SingleBar({
    stream,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
    format: (options, parameters, payload: { text: string }) =>
      `${cliProgress.Format.BarFormat(parameters.progress, options)} ${payload.text}`,
    barsize: 24,
    barCompleteChar: '#',
    barIncompleteChar: '-',
    barGlue: '',
  });
  const startedMs = performance.now();
  let phase: Phase = { name: 'reading', startedMs };
  let drawnMs = 0;
  bar.start(1, 0, { text: 'reading' });
  return {
    update: (progress) => {
      const nowMs = performance.now();
      if (progress.phase !== phase.name) phase = { name: progress.phase, startedMs: nowMs };
      else if (nowMs - drawnMs < REDRAWN_EACH_MS) return;
      drawnMs = nowMs;
      const done = shareDone(progress);
      bar.update(done ?? 0, { text: textOf(progress, done, phase, nowMs) });
    },
    stop: () => {
      bar.stop();
    },
  };
}

interface Phase {
  readonly name: ReplayProgress['phase'];
  readonly startedMs: number;
}

/** Of the phase, 0 to 1; undefined if the end is not known. */
function shareDone(progress: ReplayProgress): number | undefined {
  if (progress.phase === 'matching') return progress.sorted === 0 ? 1 : progress.matched / progress.sorted;
  const { done, total } = progress.read;
  return total === undefined || total === 0 ? undefined : Math.min(1, done / total);
}

function textOf(progress: ReplayProgress, done: number | undefined, phase: Phase, nowMs: number): string {
  const { read, posts, matched, alerts } = progress;
  const seconds = Math.max(0.001, (nowMs - phase.startedMs) / 1000);
  const isReading = progress.phase === 'reading';
  const amount = isReading ? amountRead(read) : `${matched} posts`;
  const rate = `${Math.round((isReading ? posts : matched) / seconds)} posts/s`;
  const left = done === undefined || done === 0 ? '' : `, ${formatSeconds((seconds * (1 - done)) / done)} left`;
  return `${progress.phase} ${amount}, ${rate}, ${alerts} alerts${left}`;
}

function amountRead({ done, total, unit }: SourceProgress): string {
  const format = (count: number): string => (unit === 'bytes' ? formatBytes(count) : String(count));
  const of = total === undefined ? '' : ` of ${format(total)}`;
  return `${format(done)}${of}${unit === 'bytes' ? '' : ` ${unit}`}`;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  let amount = bytes;
  while (amount >= 1024 && at < units.length - 1) {
    amount /= 1024;
    at++;
  }
  return `${at === 0 ? amount : amount.toFixed(1)} ${units[at]}`;
}

function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
