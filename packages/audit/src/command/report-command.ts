import { isRegulationName, regulationReport } from '../reports/regulation-report.ts'
import { type Command, EXIT } from './command.ts'
import { commandAnchors } from './command-anchors.ts'
import { regulationText } from './report-text.ts'

/** `report --regulation NAME FILE…`: what a trail shows of what a regulation asks, and what it does not. */
export const reportCommand: Command = async (input, { stdout }) => {
  const { regulation, json } = input.options
  if (!isRegulationName(regulation)) throw new TypeError('report needs --regulation sox, hipaa, gdpr or pci')
  const report = await regulationReport(input.files, {
    regulation,
    anchors: await commandAnchors(input),
    partial: input.options['partial'] === true,
  })
  stdout.write(json === true ? `${JSON.stringify(report)}\n` : regulationText(report))
  return report.findingCount === 0 ? EXIT.intact : EXIT.tampered
}
