// Package buffers reads CapacityBuffer objects (autoscaling.x-k8s.io) where that
// API is installed and turns them into the pods that stand for their room in a
// plan: pending, of the lowest priority that machines are bought for, never
// created. It is the API that Cluster Autoscaler and Karpenter read too.
//
// It owns that translation: which template a buffer refers to and how many copies
// it asks for. A buffer that cannot be understood asks for nothing and is logged;
// while buffers cannot be read, the last ones stand.
//
// It refuses to write a buffer's status, which is another controller's where there
// is one, and to decide where the room is kept: the planner does.
package buffers
