// Remote failures: the kinds of errors between this process and the server that the circuit breaker distinguishes.

export type RemoteFailureKind =
  /** No connection: refused, no route, no such host, TLS refused. */
  | 'unreachable'
  /** No answer, or no further bytes, within the limit. */
  | 'timeout'
  /** The connection ended before the answer did. */
  | 'broken'
  /** More bytes than announced or allowed, another length, a content encoding that was not asked for. */
  | 'length'
  /** A redirect to another origin, too many of them, or one of a PUT. */
  | 'redirect'
  /** A status that says neither yes nor no: 4xx but 401, 403, 404, 410 and 429, and 5xx. */
  | 'status'
  /** 401 or 403. */
  | 'denied'
  /** 429, or 503 with `Retry-After`. */
  | 'busy'
  /** The answer is not a record, such as a login page with status 200. */
  | 'not-a-cache'
  /** A blob of a record is no longer there. The server may do that. */
  | 'missing'
  /** A content does not match its signed record. The server did not cause that. */
  | 'content'
  /** The caller, the budget or `close()` ended it. Says nothing about the server. */
  | 'aborted';

/** A request that failed. Never leaves the remote tier: its methods resolve to a miss instead. */
export class RemoteFailure extends Error {
  readonly kind: RemoteFailureKind;
  /** For `busy`: the server's requested pause in milliseconds. Undefined: it did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: RemoteFailureKind,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number } = {},
  ) {
    super(message, options);
    this.name = 'RemoteFailure';
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}
