/** Does an {@link Order} and kills itself on the way. Arguments: the order as JSON; the step, and which passing of it. */
import { type Order, workOn } from './work.ts';

const [order = '', step, occurrence] = process.argv.slice(2);
let passed = 0;
await workOn(JSON.parse(order) as Order, (reached) => {
  if (reached === step && ++passed === Number(occurrence)) process.kill(process.pid, 'SIGKILL');
});
