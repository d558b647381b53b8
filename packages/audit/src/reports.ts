export { type RegulationReport, type RegulationReportOptions, regulationReport } from './reports/regulation-report.ts'
