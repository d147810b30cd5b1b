// A small runner of composite actions: it runs their steps in order, as GitHub's does, with stand-ins for the actions
// that they use. Caches and artifacts are directories of the test.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { data, Evaluator, Lexer, Parser, wellKnownFunctions } from '@actions/expressions';
import { parse } from 'yaml';

interface Step {
  name?: string;
  id?: string;
  if?: string;
  uses?: string;
  with?: Record<string, unknown>;
  run?: string;
  shell?: string;
  env?: Record<string, string>;
}

export interface Action {
  inputs: Record<string, { default?: unknown }>;
  runs: { using: string; steps: Step[] };
}

export interface RunnerOptions {
  /** The repository that is checked out. */
  workspace: string;
  /** Of this job alone. */
  temp: string;
  /** The data that all jobs of a repository share: `caches` and `artifacts`. */
  service: string;
  inputs?: Record<string, string>;
  runId: string;
  /** The environment of every step. */
  env: Record<string, string>;
}

/** The outcome of a step. */
export interface Ran {
  name: string;
  outcome: 'success' | 'failure' | 'skipped';
  outputs: Record<string, string>;
  log: string;
  summary: string;
}

type Value = string | number | boolean | null | { [name: string]: Value };

const CONTEXTS = ['inputs', 'steps', 'runner', 'github', 'env'];
const STATUS = ['success', 'failure', 'cancelled', 'always'];

export function readAction(file: string): Action {
  return parse(readFileSync(file, 'utf8')) as Action;
}

/**
 * Runs all steps; resolves to the outcome of each. Like GitHub, it continues after a failure with the steps that ask
 * for it.
 */
export async function runAction(action: Action, options: RunnerOptions): Promise<Ran[]> {
  const { workspace, temp, runId } = options;
  mkdirSync(temp, { recursive: true });
  const defaults = Object.entries(action.inputs).map(([name, input]) => [name, String(input.default ?? '')]);
  const inputs = { ...Object.fromEntries(defaults), ...options.inputs } as Record<string, string>;
  const steps: Record<string, Value> = {};
  const env = { ...options.env };
  const done: Ran[] = [];
  let isFailed = false;
  for (const step of action.runs.steps) {
    const contexts: Record<string, Value> = {
      inputs,
      steps,
      env,
      runner: { os: 'Linux', arch: 'X64', temp },
      github: { run_id: runId, run_attempt: '1', workspace },
    };
    const fill = (text: unknown) => interpolate(String(text), contexts, { isFailed, workspace });
    const ran: Ran = {
      name: step.name ?? step.uses ?? '',
      outcome: 'skipped',
      outputs: {},
      log: '',
      summary: '',
    };
    done.push(ran);
    if (isWanted(step.if, contexts, { isFailed, workspace })) {
      try {
        if (step.uses !== undefined) useAction(step, fill, ran, options);
        else await runShell(step, fill, ran, options, env);
        ran.outcome = 'success';
      } catch (error) {
        ran.outcome = 'failure';
        ran.log += (error as Error).message;
        isFailed = true;
      }
    }
    if (step.id !== undefined) steps[step.id] = { outcome: ran.outcome, outputs: ran.outputs };
  }
  return done;
}

async function runShell(
  step: Step,
  fill: (text: unknown) => string,
  ran: Ran,
  { workspace, temp }: RunnerOptions,
  env: Record<string, string>,
): Promise<void> {
  if (step.shell !== 'bash') throw new Error('A step of a composite action names its shell.');
  const files = Object.fromEntries(
    ['OUTPUT', 'ENV', 'STEP_SUMMARY'].map(name => [`GITHUB_${name}`, path.join(temp, `github-${name}`)]),
  );
  for (const file of Object.values(files)) writeFileSync(file, '');
  const own = Object.fromEntries(Object.entries(step.env ?? {}).map(([name, text]) => [name, fill(text)]));
  const script = path.join(temp, 'step.sh');
  writeFileSync(script, fill(step.run));
  const github = { GITHUB_ACTIONS: 'true', CI: 'true', GITHUB_WORKSPACE: workspace, RUNNER_TEMP: temp };
  const error = await new Promise<Error | null>(resolve => {
    execFile(
      'bash',
      ['--noprofile', '--norc', '-e', '-o', 'pipefail', script],
      { cwd: workspace, env: { ...env, ...github, ...files, ...own } },
      (failure, stdout, stderr) => {
        ran.log = stdout + stderr;
        resolve(failure);
      },
    );
  });
  ran.outputs = pairsOf(files.GITHUB_OUTPUT!);
  Object.assign(env, pairsOf(files.GITHUB_ENV!));
  ran.summary = readFileSync(files.GITHUB_STEP_SUMMARY!, 'utf8');
  if (error) throw error;
}

function pairsOf(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line !== '');
  return Object.fromEntries(
    lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

function useAction(step: Step, fill: (text: unknown) => string, ran: Ran, options: RunnerOptions): void {
  const given = Object.fromEntries(Object.entries(step.with ?? {}).map(([name, text]) => [name, fill(text)]));
  const lines = (name: string) =>
    (given[name] ?? '')
      .split('\n')
      .map(line => line.trim())
      .filter(line => line !== '');
  const caches = path.join(options.service, 'caches');
  const at = (key: string) => path.join(caches, encodeURIComponent(key));
  switch (step.uses!.replace(/@v\d+$/, '')) {
    case 'actions/setup-node':
      return;
    case 'actions/cache/restore': {
      const key = given.key!;
      const version = createHash('sha256').update(lines('path').join('|')).digest('hex');
      const saved = (existsSync(caches) ? readdirSync(caches) : [])
        .map(name => ({
          name,
          key: decodeURIComponent(name),
          time: statSync(path.join(caches, name)).mtimeMs,
        }))
        .filter(({ name }) => readFileSync(path.join(caches, name, 'version'), 'utf8') === version)
        .sort((a, b) => b.time - a.time);
      const found =
        saved.find(one => one.key === key) ??
        lines('restore-keys').flatMap(prefix => saved.filter(one => one.key.startsWith(prefix)))[0];
      ran.outputs = {
        'cache-primary-key': key,
        'cache-hit': found === undefined ? '' : String(found.key === key),
      };
      if (found === undefined) return;
      ran.outputs['cache-matched-key'] = found.key;
      cpSync(path.join(caches, found.name, 'files'), '/', {
        recursive: true,
        preserveTimestamps: true,
        verbatimSymlinks: true,
      });
      return;
    }
    case 'actions/cache/save': {
      if (existsSync(at(given.key!)))
        throw new Error(`There is a cache ${given.key}, and a cache does not change.`);
      for (const file of lines('path').flatMap(pattern => globSync(pattern))) {
        const copy = path.join(at(given.key!), 'files', file);
        cpSync(file, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
      }
      const version = createHash('sha256').update(lines('path').join('|')).digest('hex');
      mkdirSync(at(given.key!), { recursive: true });
      writeFileSync(path.join(at(given.key!), 'version'), version);
      return;
    }
    case 'actions/upload-artifact': {
      const artifact = path.join(options.service, 'artifacts', options.runId, given.name!);
      if (!existsSync(given.path!)) throw new Error(`No files were found with the path ${given.path}.`);
      cpSync(given.path!, artifact, { recursive: true });
      return;
    }
    default:
      throw new Error(`This runner has no stand-in for ${step.uses}.`);
  }
}

/** Removes the cache that was saved with this key. */
export function evict(service: string, key: string): void {
  rmSync(path.join(service, 'caches', encodeURIComponent(key)), { recursive: true });
}

interface State {
  isFailed: boolean;
  workspace: string;
}

function isWanted(condition: string | undefined, contexts: Record<string, Value>, state: State): boolean {
  const text = (condition ?? 'success()').replace(/^\s*\$\{\{([\s\S]*)\}\}\s*$/, '$1');
  const asked = STATUS.some(name => text.includes(`${name}(`)) ? text : `success() && (${text})`;
  return isTrue(evaluate(asked, contexts, state));
}

function isTrue(value: data.ExpressionData): boolean {
  const text = value.coerceString();
  return text !== '' && text !== 'false' && text !== '0' && value.kind !== data.Kind.Null;
}

function interpolate(text: string, contexts: Record<string, Value>, state: State): string {
  return text.replace(/\$\{\{([\s\S]*?)\}\}/g, (_, expression) =>
    evaluate(expression, contexts, state).coerceString(),
  );
}

function evaluate(expression: string, contexts: Record<string, Value>, state: State): data.ExpressionData {
  const functions = new Map(
    [
      ...STATUS.map(name => ({
        name,
        minArgs: 0,
        maxArgs: 0,
        call: () => new data.BooleanData(statusOf(name, state)),
      })),
      {
        name: 'hashFiles',
        minArgs: 1,
        maxArgs: 255,
        call: (...patterns: data.ExpressionData[]) => new data.StringData(hashFiles(patterns, state)),
      },
    ].map(one => [one.name.toLowerCase(), one] as const),
  );
  const { tokens } = new Lexer(expression.trim()).lex();
  const tree = new Parser(tokens, CONTEXTS, [...functions.values()]).parse();
  const all = new Map([...Object.entries(wellKnownFunctions), ...functions]);
  return new Evaluator(tree, toData(contexts) as data.Dictionary, all as never).evaluate();
}

function statusOf(name: string, { isFailed }: State): boolean {
  if (name === 'success') return !isFailed;
  if (name === 'failure') return isFailed;
  return name === 'always';
}

function hashFiles(patterns: readonly data.ExpressionData[], { workspace }: State): string {
  const files = patterns.flatMap(pattern => globSync(pattern.coerceString(), { cwd: workspace })).sort();
  if (files.length === 0) return '';
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(path.join(workspace, file)));
  return hash.digest('hex');
}

function toData(value: Value): data.ExpressionData {
  if (value === null) return new data.Null();
  if (typeof value === 'string') return new data.StringData(value);
  if (typeof value === 'number') return new data.NumberData(value);
  if (typeof value === 'boolean') return new data.BooleanData(value);
  return new data.Dictionary(...Object.entries(value).map(([key, one]) => ({ key, value: toData(one) })));
}
