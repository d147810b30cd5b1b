// Waiting for a condition that has no event.

const TIME_LIMIT_MS = 90_000;

/**
 * Resolves when `condition` is true; rejects with the last state that `describe` returns if that takes far too long.
 */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  describe: () => unknown = () => 'it never became true',
): Promise<void> {
  const limit = performance.now() + TIME_LIMIT_MS;
  while (!(await condition())) {
    if (performance.now() > limit) throw new Error(`Still ${JSON.stringify(describe())}.`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}
