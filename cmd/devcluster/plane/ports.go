package plane

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are drawn below those that Linux gives to outgoing connections
// (net.ipv4.ip_local_port_range), so that no connection takes a port while the
// program that serves on it starts, or starts again.
const (
	firstPort = 12000
	lastPort  = 32000
)

// FreePorts returns n distinct ports of the loopback interface that nobody listens
// on, for programs that must be told one.
func FreePorts(n int) ([]int, error) {
	var ports []int
	for range 100 * n {
		if len(ports) == n {
			return ports, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp", address(port))
		if err != nil {
			continue
		}
		// Held until all are drawn, so that they are distinct.
		defer listener.Close()
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("no %d free ports between %d and %d of the loopback interface", n, firstPort, lastPort)
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
