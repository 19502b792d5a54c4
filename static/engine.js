// ECharts with the parts that a report can hold, and no more. The page adds the canvas renderer, a still the SVG one.
import * as echarts from 'echarts/core';
import { BarChart, FunnelChart, HeatmapChart, LineChart, PieChart } from 'echarts/charts';
import {
  AriaComponent, DatasetComponent, GraphicComponent, GridComponent, LegendComponent, MarkAreaComponent,
  MarkLineComponent, MarkPointComponent, TitleComponent, TooltipComponent, VisualMapComponent,
} from 'echarts/components';
// Without LegacyGridContainLabel, grid.containLabel is silently laid out in another way.
import { LabelLayout, LegacyGridContainLabel } from 'echarts/features';

echarts.use([
  BarChart, FunnelChart, HeatmapChart, LineChart, PieChart,
  AriaComponent, DatasetComponent, GraphicComponent, GridComponent, LegendComponent, MarkAreaComponent,
  MarkLineComponent, MarkPointComponent, TitleComponent, TooltipComponent, VisualMapComponent,
  LabelLayout, LegacyGridContainLabel,
]);

export { echarts };
