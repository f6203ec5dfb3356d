/**
 * Synthetic campaigns in an archive: what would have been found of them at which settings. The archive's own texts are copied, so
 * recall is that on this feed, with its languages, lengths and organic copying. The files are read only.
 */
import { Buffer } from 'node:buffer';
import type { EntryTarget } from '../runtime/post-source.ts';
import { FingerprintStage } from '../stages/fingerprint.ts';
import { BaseTexts } from './base-texts.ts';
import { runGrid, type GridRunOptions, type GridRunResult } from './grid-run.ts';
import { cellValues, type CellValues, type Grid } from './grid.ts';
import { campaignPosts, plannedCampaigns, type PlantedCampaign, type PlantPlan } from './planting.ts';
import { RecallTally, type RecallFigures } from './recall.ts';

export interface PlantCell extends CellValues, RecallFigures {}

export interface PlantResult {
  readonly cells: readonly PlantCell[];
  readonly run: GridRunResult;
  /** Campaigns asked for; fewer are planted where the archive has fewer texts to copy. */
  readonly wanted: number;
  readonly planted: number;
  readonly plantedPosts: number;
  /** Posts of the archive with a text to compare, and those whose text has too little evidence for any setting. */
  readonly comparedPosts: number;
  readonly tooLittle: number;
}

export type PlantOptions = Omit<GridRunOptions, 'cells' | 'onClosed' | 'onEntry' | 'onRead'> & {
  readonly grid: Grid;
  readonly plan: PlantPlan;
};

/** @throws as `runGrid` */
export async function plant({ grid, plan, ...options }: PlantOptions): Promise<PlantResult> {
  const campaigns = plannedCampaigns(plan);
  const { massMinNats } = grid.cells[grid.configured]!.settings.core;
  const texts = new BaseTexts({ wanted: campaigns.length, massMinNats, seed: plan.seed });
  const planted: PlantedCampaign[] = [];
  let plantedPosts = 0;
  let tallies: RecallTally[] = [];
  const run = await runGrid({
    ...options,
    cells: grid.cells,
    onEntry: (words, evidence, fingerprint) => texts.see(words, evidence, fingerprint),
    onRead: (target) => {
      const { firstMs, lastMs } = options.source.counts;
      const append = appender(target);
      for (const [index, base] of texts.chosen().entries()) {
        const campaign = campaigns[index]!;
        planted.push(campaign);
        plantedPosts += campaign.accounts;
        for (const post of campaignPosts(campaign, index, base, plan, [firstMs, lastMs])) append(post);
      }
      tallies = grid.cells.map(({ minAccounts }) => new RecallTally(planted, plan.seed, minAccounts));
    },
    onClosed: (cell, closed) => tallies[cell]!.add(closed),
  });
  const { postCount: comparedPosts, tooLittle } = texts;
  const cells = grid.cells.map((cell, i): PlantCell => ({ ...cellValues(cell), ...tallies[i]!.figures() }));
  return { cells, run, wanted: campaigns.length, planted: planted.length, plantedPosts, comparedPosts, tooLittle };
}

/** Takes posts as those of the archive are taken. */
function appender(target: EntryTarget): (post: Parameters<FingerprintStage['process']>[0]) => void {
  const stage = new FingerprintStage(target.fingerprint);
  return (post) => {
    const wordCount = stage.process(post);
    if (wordCount > 0) target.append(stage.words, wordCount, Buffer.from(JSON.stringify(post)));
  };
}
