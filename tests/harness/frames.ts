/** The charting library (echarts) leaves a frame of an animation behind, by a timer: a test that draws waits for it. */
import { delay } from "./condition.ts";

/** More than a frame, at 60 a second. */
const FRAMES_MS = 100;

/** What was drawn has left nothing any more. */
export function framesAreOver(): Promise<void> {
  return delay(FRAMES_MS);
}
