// Steps written once for callers that await and for callers that cannot: an available value is used at once, and only a
// promise makes a promise.

/** Applies `next` to the value, at once if the value is available. */
export function andThen<Value, Next>(
  value: Value | Promise<Value>,
  next: (value: Value) => Next | Promise<Next>,
): Next | Promise<Next> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** The result of the task; when it throws or rejects, the result of `mend` for the error. */
export function orElse<Value, Other>(
  task: () => Value | Promise<Value>,
  mend: (error: unknown) => Other,
): Value | Other | Promise<Value | Other> {
  try {
    const value = task();
    return value instanceof Promise ? value.catch(mend) : value;
  } catch (error) {
    return mend(error);
  }
}
