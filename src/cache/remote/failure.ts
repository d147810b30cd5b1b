// Remote failures: what can go wrong between this process and the server, as the circuit breaker needs to know it.

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
  /** A blob of a record is not there any more. The server may do that. */
  | 'missing'
  /** A content is not what its signed record says. The server did not make it. */
  | 'content'
  /** The caller, the budget or `close()` ended it. Says nothing about the server. */
  | 'aborted';

/** A request that failed. Never leaves the remote tier: its methods resolve to a miss instead. */
export class RemoteFailure extends Error {
  readonly kind: RemoteFailureKind;
  /** For `busy`: milliseconds after which the server wants to be asked again. Undefined: it did not say. */
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
