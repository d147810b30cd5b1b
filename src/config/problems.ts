// Sentences for the problems of a config.
import { inspect } from 'node:util';
import type { BaseIssue } from 'valibot';
import { didYouMean } from './closest-match.ts';
import type { ConfigProblem } from './config-error.ts';
import { issuesOf } from './schema.ts';

/** A problem with the path to its field, for looking up its position in the file. */
export interface LocatedProblem extends ConfigProblem {
  path: PropertyKey[];
}

const MAX_SHOWN = 60;

/** The problems of `value` as a config, in no order; empty when it is valid. */
export function problemsOf(value: unknown): LocatedProblem[] {
  return issuesOf(value).map(issue => problemOfIssue(issue, value));
}

function problemOfIssue(issue: BaseIssue<unknown>, root: unknown): LocatedProblem {
  const { type, expected, message } = issue;
  const path = issue.path?.map(({ key }) => key as PropertyKey) ?? [];
  if (type === 'raw_check') return unknownField(path, expected!.split(', '));
  if (type === 'never') return problem(path, `${fieldName(path)} cannot be: ${message}.`);
  const field = fieldName(path) || 'The content';
  const value = path.reduce<unknown>((holder, step) => (holder as never)?.[step], root);
  const what = value === undefined ? 'is missing, and' : `is ${show(value)}, but`;
  return problem(path, `${field} ${what} must be ${message}.`);
}

function unknownField(path: PropertyKey[], allowed: string[]): LocatedProblem {
  const hint = didYouMean(String(path.at(-1)), allowed);
  return problem(path, `${fieldName(path)} is not a field.${hint} Allowed here: ${allowed.join(', ')}.`);
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
