/** What the exit codes mean; people write scripts on them. */
export const EXIT = {
  done: 0,
  /** Something that no other code names. */
  failed: 1,
  usage: 2,
  unreadableInput: 3,
  /** More than half of the lines were rejected. */
  mostlyRejected: 4,
} as const;
