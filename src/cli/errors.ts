/** Exit codes of all commands: 0 is success. */
export const EXIT = {
  /** A resource is refused, not ready, or something is wrong with the installation. */
  refused: 1,
  /** The command can't be understood: an argument, a file or the kubeconfig. */
  usage: 2,
  /** The cluster gives no answer: it can't be reached, or a right is missing. */
  cluster: 3,
} as const;

/** An error that the caller of a command can correct; printed as one line. */
export class UsageError extends Error {}

/** The cluster gave no answer, or not the one that a command needs; printed as one line. */
export class ClusterError extends Error {
  /** HTTP status of the API server, `undefined` where there was no response. */
  readonly status: number | undefined;
  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}
