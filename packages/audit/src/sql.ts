export { type SqlSink, type SqlSinkOptions, sqlSink } from './sql/sql-sink.ts'
export { sqlStore } from './sql/sql-store.ts'
