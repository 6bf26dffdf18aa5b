/** Something that the caller of a command can put right; shown as one line. */
export class UsageError extends Error {}
