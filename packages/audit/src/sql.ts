export { type SqlSink, type SqlSinkOptions, sqlSink } from './sql/sql-sink.ts'
export { type SqlStoreOptions, sqlStore } from './sql/sql-store.ts'
