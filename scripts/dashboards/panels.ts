/**
 * The looks that panels share. Owns the shape of a panel: a title, a description that says what to do, a unit, a link to the
 * runbook. What panels show is in the files of the dashboards.
 */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardLinkBuilder,
  DashboardLinkType,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type Panel,
  type Threshold,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as HeatmapBuilder, YAxisConfigBuilder } from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StatesBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as LinesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Query } from './queries.ts';

/** The data source that is chosen at the top of a dashboard. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

export interface PanelSpec {
  readonly title: string;
  /** What is to be seen, and what to do where it is not good. */
  readonly description: string;
  /** Of Grafana: `s`, `bytes`, `short`, `percentunit`, `cps` ... */
  readonly unit: string;
  /** Columns, of 24. */
  readonly span: number;
  readonly queries: readonly Query[];
  /** Values from which on it is doubtful, and bad. */
  readonly limits?: Limits;
  /** The alert whose section of the runbook is linked to. */
  readonly runbook?: string;
  readonly max?: number;
  /** Texts in place of numbers, with their colours. */
  readonly texts?: readonly { readonly value: number; readonly text: string; readonly color: string }[];
}

export interface Limits {
  readonly doubtful?: number;
  readonly bad: number;
  /** Where less is worse; `doubtful` is above `bad` then. */
  readonly isFloor?: boolean;
}

const GOOD = 'green';
const DOUBTFUL = 'orange';
const BAD = 'red';

const STAT_HEIGHT = 4;
const HEIGHT = 8;

/** One number, coloured by its limits. */
export function stat(spec: PanelSpec): Builder<Panel> {
  const builder = new StatBuilder().height(STAT_HEIGHT);
  builder.graphMode(BigValueGraphMode.Area).colorMode(BigValueColorMode.Value);
  builder.reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']));
  // A single series would be shown as a number without the label that is its point.
  if (spec.queries.some((query) => query.legend.includes('{{'))) builder.textMode(BigValueTextMode.ValueAndName);
  return dressed(builder, spec);
}

/** One line a series; limits are dashed. */
export function lines(spec: PanelSpec): Builder<Panel> {
  const builder = new LinesBuilder().height(HEIGHT).lineWidth(1).fillOpacity(5).showPoints(VisibilityMode.Never).min(0);
  builder.legend(legend()).tooltip(tooltip());
  if (spec.limits !== undefined) {
    builder.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
  }
  return dressed(builder, spec);
}

/** Lines on top of each other, for parts of a whole. */
export function stacked(spec: PanelSpec): Builder<Panel> {
  const builder = new LinesBuilder()
    .height(HEIGHT)
    .lineWidth(1)
    .fillOpacity(40)
    .showPoints(VisibilityMode.Never)
    .min(0);
  builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
  return dressed(builder.legend(legend()).tooltip(tooltip()), spec);
}

/** How a histogram changes. */
export function heatmap(spec: PanelSpec): Builder<Panel> {
  const builder = new HeatmapBuilder().height(HEIGHT).hideLegend();
  return dressed(builder.yAxis(new YAxisConfigBuilder().unit(spec.unit)), spec);
}

/** A bar a series, in the colours of its texts. */
export function states(spec: PanelSpec): Builder<Panel> {
  const builder = new StatesBuilder().height(HEIGHT).showValue(VisibilityMode.Never).mergeValues(true);
  builder.colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds));
  return dressed(builder.legend(new VizLegendOptionsBuilder().showLegend(true)), spec);
}

/** What the builders of all kinds of panels have. */
interface Dressable extends Builder<Panel> {
  title(title: string): this;
  description(description: string): this;
  unit(unit: string): this;
  max(max: number): this;
  span(columns: number): this;
  datasource(datasource: typeof DATASOURCE): this;
  thresholds(thresholds: ThresholdsConfigBuilder): this;
  mappings(mappings: readonly object[]): this;
  links(links: DashboardLinkBuilder[]): this;
  withTarget(target: DataqueryBuilder): this;
}

function dressed(builder: Dressable, spec: PanelSpec): Builder<Panel> {
  const { title, description, unit, span, queries, limits, runbook, max, texts } = spec;
  builder.title(title).description(description).unit(unit).span(span).datasource(DATASOURCE);
  builder.thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps(limits)));
  for (const [i, query] of queries.entries()) builder.withTarget(target(query, String.fromCharCode(65 + i)));
  if (max !== undefined) builder.max(max);
  if (texts !== undefined) {
    const options = texts.map(({ value, text, color }, index) => [String(value), { text, color, index }]);
    builder.mappings([{ type: MappingType.ValueToText, options: Object.fromEntries(options) }]);
  }
  if (runbook !== undefined) builder.links([runbookLink(runbook)]);
  return builder;
}

function target({ expr, legend: legendFormat, isInstant, isHeatmap }: Query, refId: string): DataqueryBuilder {
  const query = new DataqueryBuilder().expr(expr).legendFormat(legendFormat).refId(refId).datasource(DATASOURCE);
  if (isHeatmap === true) query.format(PromQueryFormat.Heatmap);
  return isInstant === true ? query.instant() : query.range();
}

function steps(limits: Limits | undefined): Threshold[] {
  if (limits === undefined) return [{ value: null, color: GOOD }];
  const { doubtful, bad, isFloor = false } = limits;
  if (!isFloor) {
    const middle = doubtful === undefined ? [] : [{ value: doubtful, color: DOUBTFUL }];
    return [{ value: null, color: GOOD }, ...middle, { value: bad, color: BAD }];
  }
  const good = { value: doubtful ?? bad, color: GOOD };
  return [{ value: null, color: BAD }, ...(doubtful === undefined ? [] : [{ value: bad, color: DOUBTFUL }]), good];
}

/** Sections of the runbook are called after their alerts. */
function runbookLink(alert: string): DashboardLinkBuilder {
  const link = new DashboardLinkBuilder(`Runbook: ${alert}`).type(DashboardLinkType.Link).targetBlank(true);
  return link.url(`\${runbook}#${alert.toLowerCase()}`);
}

function legend(): VizLegendOptionsBuilder {
  const builder = new VizLegendOptionsBuilder().showLegend(true).displayMode(LegendDisplayMode.Table);
  return builder.placement(LegendPlacement.Bottom).calcs(['lastNotNull', 'max']);
}

function tooltip(): VizTooltipOptionsBuilder {
  return new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending);
}
