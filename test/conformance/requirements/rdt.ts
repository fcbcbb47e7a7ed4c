/** config-linux.md: resctrl. */
import type { Section } from './row.js'

const MADE_UP = 'no machine of the tests has a resctrl file system: shown over a made-up tree of files'

export const rdt: readonly Section[] = [
  {
    anchor: 'config-linux.md#intelrdt',
    rows: [
      {
        word: 'MUST',
        says: 'The process is in the class of service that closID names, before the program runs',
        simulated: MADE_UP,
        shown: [['resctrl/class.test.ts', ': an existing class is joined, and neither written nor removed']],
      },
      {
        word: 'MUST',
        says: 'Without closID the class has the id of the container',
        simulated: MADE_UP,
        shown: [
          ['resctrl/class.test.ts', ': without closID the class is named after the container, and removed with it'],
        ],
      },
      {
        word: 'MUST',
        says: 'The closID `/` is the default class of the kernel',
        simulated: MADE_UP,
        shown: [['resctrl/class.test.ts', ': / is the default class of the kernel']],
      },
      {
        word: 'MUST',
        says: 'Without a mounted resctrl file system it is an error',
        shown: [
          ['conformance/config-linux-intel-rdt.test.ts', ': without a mounted resctrl file system it is an error'],
        ],
      },
      {
        word: 'MUST',
        says: 'Without intelRdt no such file system is touched',
        simulated: MADE_UP,
        shown: [['resctrl/class.test.ts', ': without any schemata none is written']],
      },
      {
        word: 'MUST',
        says: 'What there is of l3CacheSchema, memBwSchema and schemata is written, in this order',
        simulated: MADE_UP,
        shown: [
          ['resctrl/class.test.ts', ': schemata are written to an existing class too, and taken back if create fails'],
          ['resctrl/class.test.ts', ': cache and bandwidth are written together, schemata after them'],
        ],
      },
      {
        word: 'MUST',
        says: 'Without any schema none is written',
        simulated: MADE_UP,
        shown: [['resctrl/class.test.ts', ': without any schemata none is written']],
      },
      {
        word: 'MUST',
        says: 'A class that is not there is made if there is a schema',
        simulated: MADE_UP,
        shown: [['resctrl/class.test.ts', ': cache and bandwidth are written together, schemata after them']],
      },
      {
        word: 'MUST',
        says: 'One that is there must have the shares of l3CacheSchema and memBwSchema, else it is an error',
        simulated: MADE_UP,
        shown: [['resctrl/class.test.ts', ': an existing class with other shares is an error']],
      },
      {
        word: 'MUST',
        says: 'A class that is not there, without a schema, is an error',
        simulated: MADE_UP,
        shown: [['resctrl/class.test.ts', ': a class that is not there, without schemata, is an error']],
      },
      {
        word: 'MUST',
        says: 'enableMonitoring makes a monitored group for the container',
        simulated: MADE_UP,
        shown: [
          ['resctrl/class.test.ts', ': a monitored group is made in the class, also an existing one, and removed'],
        ],
      },
      {
        word: 'MUST',
        says: 'A group that can not be made is an error',
        simulated: MADE_UP,
        shown: [['resctrl/class.test.ts', ': a group that can not be made is an error, and leaves nothing']],
      },
      {
        word: 'MUST',
        says: 'The class is removed with the container if the runtime has made it and closID does not name it, and else not',
        simulated: MADE_UP,
        shown: [
          ['resctrl/class.test.ts', ': without closID the class is named after the container, and removed with it'],
          ['resctrl/class.test.ts', ': a class that closID names stays when the container is deleted'],
          ['resctrl/class.test.ts', ': an existing class is joined, and neither written nor removed'],
        ],
      },
      {
        word: 'MUST',
        says: 'memBwSchema begins with MB:, and neither it nor an entry of schemata has a newline',
        shown: [['conformance/config-linux-intel-rdt.test.ts', ': names and lines that can not be are errors']],
      },
    ],
  },
]
