import 'reflect-metadata'
import type { RequestListener } from 'node:http'
import { createGuard } from '@countermark/express'
import { keySourceOf } from '@countermark/testing'
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  type MiddlewareConsumer,
  type NestApplicationOptions,
  type NestModule,
  Post,
  Req,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import type { Request, RequestHandler } from 'express'
import type { Build } from './describe-host.ts'
import { createSignatureChecks } from './signature-checks.ts'

/** Mounts the guard in an application of NestJS, in front of its parsers or behind them. */
type Mount = (app: NestExpressApplication, guard: RequestHandler) => unknown

@Controller()
class Shop {
  private readonly read: string[]

  constructor(@Inject('read') read: string[]) {
    this.read = read
  }

  @Get('orders')
  orders(@Req() req: Request): object {
    return { agent: req.agent?.id, target: req.originalUrl }
  }

  @Post('pay')
  @HttpCode(200)
  pay(@Req() req: Request, @Body() body: unknown): object {
    this.read.push(JSON.stringify(body))
    return { agent: req.agent?.id }
  }
}

/** An application of NestJS with a guard on it; `inModule` makes it middleware of a module, which runs behind every parser. */
export function nestApp(options: NestApplicationOptions, mount?: Mount): Build {
  return ({ agent, read, options: guardOptions }) => {
    const { verify, once } = createSignatureChecks(keySourceOf(agent))
    const guard = createGuard(guardOptions)(verify, once)
    class ShopModule implements NestModule {
      configure(consumer: MiddlewareConsumer): void {
        if (mount === undefined) consumer.apply(guard).forRoutes('*')
      }
    }
    const module = { module: ShopModule, controllers: [Shop], providers: [{ provide: 'read', useValue: read }] }
    const started = start()
    return (req, res) => void started.then((listener) => listener(req, res))

    async function start(): Promise<RequestListener> {
      const app = await NestFactory.create<NestExpressApplication>(module, { logger: false, ...options })
      mount?.(app, guard)
      await app.init()
      return app.getHttpAdapter().getInstance()
    }
  }
}
