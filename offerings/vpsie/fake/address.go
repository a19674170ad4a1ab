package fake

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Networks that belong to nobody on the Internet: RFC 2544's for benchmarks,
// and a private one.
var (
	publicRange  = netip.MustParsePrefix("198.18.0.0/15")
	privateRange = netip.MustParsePrefix("10.192.0.0/12")
)

// address is the n-th address of a network, which begins again after its last.
func address(network netip.Prefix, n int) string {
	size := uint32(1)<<(32-network.Bits()) - 2
	base := network.Masked().Addr().As4()
	host := binary.BigEndian.Uint32(base[:]) + 1 + uint32(n)%size
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, host))).String()
}

// prefix is the VPC's network.
func (v VPC) prefix() (netip.Prefix, error) {
	p, err := netip.ParsePrefix(fmt.Sprintf("%s/%d", v.Range, v.Size))
	if err != nil {
		return p, fmt.Errorf("network %s/%d: %w", v.Range, v.Size, err)
	}
	if !p.Addr().Is4() || p.Bits() < 8 || p.Bits() > 29 {
		return p, fmt.Errorf("network %s must be IPv4 and between /8 and /29", p)
	}
	return p, nil
}

// newIdentifier is a UUID that depends on the seed and the names alone, so that
// a run is repeated to the letter.
func (s *Server) newIdentifier(kind string, number int) string {
	r := s.draw("identifier", kind, fmt.Sprint(number))
	hi, lo := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xfff, lo>>48&0x3fff|0x8000, lo&0xffffffffffff)
}
