-- AlterTable
ALTER TABLE "job" ADD COLUMN     "num_slots" INTEGER NOT NULL DEFAULT 1;

-- AlterTable
ALTER TABLE "worker" ADD COLUMN     "num_slots" INTEGER NOT NULL DEFAULT 1;
