// Steps that are written once, for callers that await them and for those that cannot: what is at hand goes on at once,
// and only a promise makes a promise.

/** `next` of the value, now if it is there. */
export function andThen<Value, Next>(
  value: Value | Promise<Value>,
  next: (value: Value) => Next | Promise<Next>,
): Next | Promise<Next> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** What the task gives; when it throws or rejects, what `mend` gives of the error. */
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
