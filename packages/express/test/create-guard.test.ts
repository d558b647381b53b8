import { createGuard } from '@countermark/express'
import { describeGuardOptions } from '../../../test/support/describe-guard-options.ts'

describeGuardOptions(createGuard, 'throw')
