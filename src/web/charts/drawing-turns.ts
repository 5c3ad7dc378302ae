// Drawing split into turns: each chart draws in a frame of its own, so that no task holds up the page for as long as all of them take.
type Draw = () => void;

const waiting = new Map<object, Draw>();
let isScheduled = false;

/** Draws in one of the next frames; what the same owner asked for before and has not been drawn is left out. */
export function drawInTurn(owner: object, draw: Draw): void {
  waiting.set(owner, draw);
  schedule();
}

/** Forgets what an owner asked for. */
export function leaveTurn(owner: object): void {
  waiting.delete(owner);
}

function schedule(): void {
  if (isScheduled || waiting.size === 0) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    const [next] = waiting;
    if (next === undefined) return;
    const [owner, draw] = next;
    waiting.delete(owner);
    draw();
    schedule();
  });
}
