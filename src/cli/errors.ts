/** An error that the caller of a command can correct; printed as one line. */
export class UsageError extends Error {}
