// The older majors are installed under names of their own; the suite uses only what both majors have.
declare module 'express4' {
  import express = require('express')
  export = express
}

declare module 'koa2' {
  import Koa = require('koa')
  export = Koa
}
