// The child side of process.ts.
import { revive, tools } from './glovebox.ts';

const { source, args } = JSON.parse(process.argv[2] ?? '') as { source: string; args: unknown[] };
const value: unknown = await revive(source)(tools, ...args);
console.log(`=${JSON.stringify(value) ?? 'null'}`);
