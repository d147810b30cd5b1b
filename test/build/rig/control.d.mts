/** See `control.mjs`. */
export function obey(
  address: string,
  argv: readonly string[],
  options: Readonly<Record<string, string>>,
  own?: Record<string, () => unknown>,
): Promise<void>;
