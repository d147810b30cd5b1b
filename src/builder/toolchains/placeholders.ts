// Placeholders in a command's arguments, such as `{board}`.
import { closestMatch } from '../../config/closest-match.ts';
import { PLACEHOLDERS } from '../../config/toolchain-options.ts';
import { ToolchainError } from './toolchain.ts';

export type Placeholder = (typeof PLACEHOLDERS)[number];

/** The value of each placeholder. */
export type PlaceholderValues = Readonly<Record<Placeholder, string>>;

// Braces around anything else, as in JSON, are plain text.
const PLACEHOLDER = /\{([A-Za-z][\w-]*)\}/g;

/** Throws {@link ToolchainError} if an argument has an unknown placeholder. */
export function checkPlaceholders(args: readonly string[]): void {
  for (const argument of args) {
    for (const [whole, name] of argument.matchAll(PLACEHOLDER)) {
      if (isPlaceholder(name!)) continue;
      const meant = closestMatch(name!, PLACEHOLDERS);
      throw new ToolchainError(
        `Unknown placeholder ${whole} in toolchains.command.arguments.` +
          `${meant === undefined ? '' : ` Did you mean {${meant}}?`}` +
          ` Allowed: ${PLACEHOLDERS.map(known => `{${known}}`).join(' ')}.`,
      );
    }
  }
}

/**
 * Substitutes the values. An argument stays one argument whatever a value contains, and a placeholder inside a value
 * stays as it is.
 */
export function fillIn(args: readonly string[], values: PlaceholderValues): string[] {
  return args.map(argument =>
    argument.replaceAll(PLACEHOLDER, (whole, name: string) => (isPlaceholder(name) ? values[name] : whole)),
  );
}

function isPlaceholder(name: string): name is Placeholder {
  return (PLACEHOLDERS as readonly string[]).includes(name);
}
