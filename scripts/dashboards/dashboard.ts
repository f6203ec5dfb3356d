/** What all dashboards share: the choices at the top, the links to each other, panels in rows. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  ConstantVariableBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableHide,
  VariableRefresh,
  VariableSort,
  type Dashboard,
  type Panel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DATASOURCE } from './panels.ts';

export interface DashboardSpec {
  /** Part of file name and address; never changed, since bookmarks hold it. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Builder<Panel>[];
}

/** Where the runbook is read. Whoever has it elsewhere changes the variable of the dashboards, and the rules. */
const RUNBOOK = 'https://chorus.example/docs/runbook.md';

/** Of the addresses of dashboards. */
export const UID_PREFIX = 'chorus-';

const TAG = 'chorus';

export function dashboard({ name, title, description, rows }: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(`Chorus / ${title}`).uid(UID_PREFIX + name).description(description);
  builder.tags([TAG]).timezone('browser').refresh('30s').time({ from: 'now-1h', to: 'now' });
  // They can be tried out by hand; what is to stay is written here, since Grafana reads the files again.
  builder.editable().tooltip(DashboardCursorSync.Crosshair);
  for (const variable of variables()) builder.withVariable(variable);
  builder.link(others()).link(runbook());
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) builder.withPanel(panel);
  }
  const built = builder.build();
  // Links to a single panel name its id.
  const { panels = [], links = [], templating } = built;
  // The builder of constants cannot say so.
  for (const variable of templating.list ?? [])
    if (variable.name === 'runbook') variable.hide = VariableHide.HideVariable;
  for (const [i, panel] of panels.entries()) panel.id = i + 1;
  // By default the builders hide links in a menu.
  for (const link of [...links, ...panels.flatMap((panel) => ('links' in panel ? (panel.links ?? []) : []))]) {
    delete link.placement;
  }
  return built;
}

function variables() {
  return [
    new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    labelVariable('job', 'Deployment', 'label_values(chorus_build_info, job)'),
    labelVariable('instance', 'Instance', 'label_values(chorus_build_info{job="$job"}, instance)')
      .includeAll(true)
      .multi(true)
      .allValue('.*')
      .current({ text: 'All', value: '$__all' }),
    new ConstantVariableBuilder('runbook').value(RUNBOOK),
  ];
}

function labelVariable(name: string, label: string, query: string): QueryVariableBuilder {
  const builder = new QueryVariableBuilder(name).label(label).query(query).definition(query).datasource(DATASOURCE);
  return builder.refresh(VariableRefresh.OnTimeRangeChanged).sort(VariableSort.AlphabeticalAsc);
}

function others(): DashboardLinkBuilder {
  const link = new DashboardLinkBuilder('Chorus').type(DashboardLinkType.Dashboards).tags([TAG]);
  return link.includeVars(true).keepTime(true);
}

function runbook(): DashboardLinkBuilder {
  return new DashboardLinkBuilder('Runbook').type(DashboardLinkType.Link).url('${runbook}').targetBlank(true);
}
