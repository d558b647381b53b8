export { type TableDifference, type TablesOptions, tables } from './tables.ts'
