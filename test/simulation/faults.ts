/** What goes wrong in a simulated deployment. A count of runs proves something only for the faults that have fired in it. */
export const FAULTS = [
  'crash before produce',
  'crash before store',
  'crash before commit',
  'crash while producing',
  'crash after commit',
  'crash while reading the log',
  'crash while reading the disk',
  'written after the crash',
  'commit left out',
  'commit later',
  'rebalance',
  'rebalance while restoring',
  'zombie wrote fingerprints',
  'zombie wrote links',
  'zombie wrote alerts',
  'zombie commit refused',
  'behind retention',
  'frame sent twice',
  'lost disk',
  'restored from disk',
  'restored from an old disk',
  'restored from a disk ahead of the commit',
  'disk older than the log',
  'restored from log',
  'restored from snapshot',
  'trimmed log',
  'hole in the log',
  'idle tick',
  'late by an idle tick',
  'tick in the log',
  'late post',
  'post sent twice',
  'deletion',
  'edit',
  'post that replaces others',
  'deletion sent twice',
  'late retraction',
  'one id with two event times',
  'equal times',
  'nothing to compare',
  'rejected record',
  'tombstone',
  'full frame',
] as const;
export type Fault = (typeof FAULTS)[number];

/** How often each has fired. */
export class Fired extends Map<Fault, number> {
  note(fault: Fault, times = 1): void {
    if (times > 0) this.set(fault, (this.get(fault) ?? 0) + times);
  }
}
