// Programs of the tests as commands of a shell script.

/**
 * Has Node take the place of the shell, with arguments that hold no quotes. Where it starts with a clean environment it
 * would compile its sources each time; so it is told where they are compiled.
 */
export function execNode(...args: string[]): string {
  const command = [process.execPath, ...args].map(word => `'${word}'`).join(' ');
  return `NODE_COMPILE_CACHE='${process.env.NODE_COMPILE_CACHE ?? ''}' exec ${command}`;
}
