// The environment of programs under test.

/** The environment that a program under test gets. */
export function bareEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const { PATH = '', HOME = '/', TMPDIR, NODE_COMPILE_CACHE } = process.env;
  const own = Object.entries({ TMPDIR, NODE_COMPILE_CACHE }).filter(([, value]) => value !== undefined);
  return { PATH, HOME, ...(Object.fromEntries(own) as Record<string, string>), ...more };
}
