-- AlterTable
ALTER TABLE "job" ADD COLUMN     "stop_looked" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "sweep" ADD COLUMN     "axes" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN     "budget_hours" DOUBLE PRECISION,
ADD COLUMN     "budget_steps" INTEGER,
ADD COLUMN     "max_parallel" INTEGER,
ADD COLUMN     "message" TEXT,
ADD COLUMN     "state" TEXT NOT NULL DEFAULT 'active',
ADD COLUMN     "stop" JSONB;

-- CreateTable
CREATE TABLE "settled_point" (
    "sweep_id" UUID NOT NULL,
    "point" TEXT NOT NULL,
    "rule" JSONB NOT NULL,
    "found" JSONB NOT NULL,
    "num_cancelled" INTEGER NOT NULL,
    "settled_at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "settled_point_pkey" PRIMARY KEY ("sweep_id","point")
);

-- AddForeignKey
ALTER TABLE "settled_point" ADD CONSTRAINT "settled_point_sweep_id_fkey" FOREIGN KEY ("sweep_id") REFERENCES "sweep"("id") ON DELETE CASCADE ON UPDATE CASCADE;
