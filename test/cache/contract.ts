// The contract of every cache, whatever its backend and whichever thread holds it.
import type { Case } from './contract/context.ts';
import { entries } from './contract/entries.ts';
import { files } from './contract/files.ts';
import { iteration } from './contract/iteration.ts';
import { keys } from './contract/keys.ts';
import { lifetimes } from './contract/lifetimes.ts';
import { limits } from './contract/limits.ts';
import { producerContext } from './contract/producer-context.ts';
import { producing } from './contract/producing.ts';
import { upkeep } from './contract/upkeep.ts';
import { values } from './contract/values.ts';
import { writes } from './contract/writes.ts';

export const contract: readonly Case[] = [
  ...entries,
  ...writes,
  ...values,
  ...keys,
  ...lifetimes,
  ...producing,
  ...producerContext,
  ...iteration,
  ...files,
  ...limits,
  ...upkeep,
];
