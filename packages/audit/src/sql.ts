export { type SqlSink, type SqlSinkOptions, sqlSink } from './sql/sql-sink.ts'
