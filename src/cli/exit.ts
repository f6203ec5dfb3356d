/** What the exit codes mean; people write scripts on them. */
export const EXIT = {
  done: 0,
  /** A check that found something, or an error that no other code names. */
  failed: 1,
  /** Usage, configuration, or topics that are not as they must be. */
  usage: 2,
  unreadableInput: 3,
  /** More than half of the lines were rejected. */
  mostlyRejected: 4,
  /** `chorus run` met an error that it cannot go on from; started again, it goes on from what was committed. */
  failedRun: 5,
} as const;
