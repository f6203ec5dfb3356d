/**
 * The settings that are tried side by side: windows x thresholds x minimum accounts around one configuration.
 *
 * T1  The configured setting is always one of the cells, whether or not the lists name it: what changes is told against it.
 */
import type { Settings } from '../settings.ts';

/** What is tried of each setting; a list that is empty stands for the configured value alone. Windows in ms. */
export interface GridAxes {
  readonly windowsMs: readonly number[];
  readonly minAccounts: readonly number[];
  readonly strongSimilarity: readonly number[];
  readonly weakSimilarity: readonly number[];
}

/** What is tried together. */
export interface CellValues {
  readonly windowMs: number;
  readonly minAccounts: number;
  readonly strongSimilarity: number;
  readonly weakSimilarity: number;
  readonly isConfigured: boolean;
}

export interface Cell extends CellValues {
  /** The configuration with these values in it. */
  readonly settings: Settings;
}

export interface Grid {
  /** In order of window, strong, weak, minimum accounts. */
  readonly cells: readonly Cell[];
  /** Where the configured setting is among them. */
  readonly configured: number;
  /** Combinations left out since the strong similarity would be below the weak one. */
  readonly contradictory: number;
}

export function gridOf(settings: Settings, axes: GridAxes): Grid {
  const configured = valuesOf(settings);
  const tried: Values[] = [configured];
  let contradictory = 0;
  for (const windowMs of orConfigured(axes.windowsMs, configured.windowMs)) {
    for (const strongSimilarity of orConfigured(axes.strongSimilarity, configured.strongSimilarity)) {
      for (const weakSimilarity of orConfigured(axes.weakSimilarity, configured.weakSimilarity)) {
        if (strongSimilarity < weakSimilarity) {
          contradictory++;
          continue;
        }
        for (const minAccounts of orConfigured(axes.minAccounts, configured.minAccounts)) {
          const values = { windowMs, strongSimilarity, weakSimilarity, minAccounts };
          if (!tried.some((other) => compareValues(other, values) === 0)) tried.push(values);
        }
      }
    }
  }
  const cells = tried.sort(compareValues).map((values): Cell => {
    const { windowMs, minAccounts, strongSimilarity, weakSimilarity } = values;
    const core = { ...settings.core, strongSimilarity, weakSimilarity };
    return { ...values, isConfigured: values === configured, settings: { ...settings, windowMs, minAccounts, core } };
  });
  return { cells, configured: cells.findIndex(({ isConfigured }) => isConfigured), contradictory };
}

/** A cell as results tell it: its settings hold the secret. */
export function cellValues({
  windowMs,
  minAccounts,
  strongSimilarity,
  weakSimilarity,
  isConfigured,
}: Cell): CellValues {
  return { windowMs, minAccounts, strongSimilarity, weakSimilarity, isConfigured };
}

type Values = Omit<CellValues, 'isConfigured'>;

function valuesOf({ windowMs, minAccounts, core }: Settings): Values {
  const { strongSimilarity, weakSimilarity } = core;
  return { windowMs, minAccounts, strongSimilarity, weakSimilarity };
}

function orConfigured(values: readonly number[], configured: number): readonly number[] {
  return values.length === 0 ? [configured] : values;
}

function compareValues(a: Values, b: Values): number {
  return (
    a.windowMs - b.windowMs ||
    a.strongSimilarity - b.strongSimilarity ||
    a.weakSimilarity - b.weakSimilarity ||
    a.minAccounts - b.minAccounts
  );
}
