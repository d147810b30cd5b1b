// The sentences that say what is wrong with a config.
import { inspect } from 'node:util';
import type { z as Zod } from 'zod';
import type { ConfigProblem } from './config-error.ts';
import { didYouMean } from './nearest.ts';
import { configSchema, loadZod } from './schema.ts';

/** A problem with the steps to its field, for looking up where in the file it is. */
export interface LocatedProblem extends ConfigProblem {
  path: PropertyKey[];
}

const MAX_SHOWN = 60;

/** What is wrong with `value`, in no order; empty when it is what a config file may say. */
export function problemsOf(value: unknown): LocatedProblem[] {
  const { error } = configSchema().safeParse(value);
  return (error?.issues ?? []).flatMap(issue => problemsOfIssue(issue, value));
}

function problemsOfIssue(issue: Zod.core.$ZodIssue, root: unknown): LocatedProblem[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map(key => unknownField([...issue.path, key]));
  if (issue.code === 'invalid_key') {
    const allowed = issue.issues[0]?.message ?? issue.message;
    return [
      problem(issue.path, `${fieldName(issue.path)} cannot be: the name of a tag has ${allowed} only.`),
    ];
  }
  const field = fieldName(issue.path) || 'The content';
  const value = issue.path.reduce<unknown>((holder, step) => (holder as never)?.[step], root);
  const what = value === undefined ? 'is missing, and' : `is ${show(value)}, but`;
  return [problem(issue.path, `${field} ${what} must be ${issue.message}.`)];
}

function unknownField(path: PropertyKey[]): LocatedProblem {
  const allowed = fieldsAt(configSchema(), path.slice(0, -1));
  const hint = didYouMean(String(path.at(-1)), allowed);
  return problem(path, `${fieldName(path)} is not a field.${hint} Allowed here: ${allowed.join(', ')}.`);
}

/** The names of the fields that the map at `path` may have. */
function fieldsAt(schema: Zod.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const z = loadZod();
  let inner: Zod.core.$ZodType = schema;
  while (inner instanceof z.ZodOptional) inner = inner.unwrap();
  if (inner instanceof z.ZodPipe) inner = inner.out;
  const [step, ...rest] = path;
  if (inner instanceof z.ZodRecord) return fieldsAt(inner.valueType, rest);
  if (!(inner instanceof z.ZodObject)) return [];
  if (step === undefined) return Object.keys(inner.shape);
  return fieldsAt((inner.shape as Record<PropertyKey, Zod.core.$ZodType>)[step]!, rest);
}

function problem(path: PropertyKey[], message: string): LocatedProblem {
  return { path, field: fieldName(path), message };
}

function fieldName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, step) => {
    if (typeof step === 'number') return `${name}[${step}]`;
    return name === '' ? String(step) : `${name}.${String(step)}`;
  }, '');
}

function show(value: unknown): string {
  const text =
    typeof value === 'string' ? JSON.stringify(value) : inspect(value, { depth: 0, breakLength: Infinity });
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
