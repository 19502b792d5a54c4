package source

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"daybook/internal/fault"
)

// guardedTransport calls public addresses only, beside the networks that are allowed. The address is looked at when it is dialled, after
// names were resolved, so that no name and no redirect leads inside; no proxy of the environment is used.
func guardedTransport(allow []string) (*http.Transport, error) {
	allowed, err := parseNetworks(allow)
	if err != nil {
		return nil, err
	}
	return dialling(func(address string) error { return guardAddress(address, allowed) }), nil
}

// confinedTransport calls the networks that are allowed and no other, as it must be where secrets go without TLS.
func confinedTransport(allow []string) (*http.Transport, error) {
	allowed, err := parseNetworks(allow)
	if err != nil {
		return nil, err
	}
	return dialling(func(address string) error { return confineAddress(address, allowed) }), nil
}

// dialling makes a transport that asks whether an address, "IP:port", may be dialled.
func dialling(may func(address string) error) *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return may(address)
	}}
	return &http.Transport{
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 30 * time.Second, MaxIdleConnsPerHost: 2,
		IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 1 << 20, DisableCompression: true,
	}
}

// parseNetworks reads "10.1.0.0/16" and single addresses.
func parseNetworks(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if a, single := netip.ParseAddr(text); single == nil {
			p, err = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, fmt.Sprintf("%q is no network", text), "write a network such as 10.1.0.0/16, or an address")
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// guardAddress refuses an address, "IP:port", that is not public and in no allowed network.
func guardAddress(address string, allowed []netip.Prefix) error {
	a, in, err := dialled(address, allowed)
	if err != nil || in || isPublic(a) {
		return err
	}
	return fault.New(fault.Refused, fmt.Sprintf("%s is not a public address", a), fmt.Sprintf("if the source may ask there, write allow: [%s]", netip.PrefixFrom(a, a.BitLen())))
}

// confineAddress refuses an address, "IP:port", that is in no allowed network.
func confineAddress(address string, allowed []netip.Prefix) error {
	a, in, err := dialled(address, allowed)
	if err != nil || in || !isPublic(a) {
		return guardAddress(address, allowed)
	}
	return fault.New(fault.Refused, fmt.Sprintf("%s would be told secrets without TLS", a),
		"write https:// in url:; if the network on the way is trusted, write allow: with the network of the server")
}

// dialled is the host that an address, "IP:port", leads to, and whether it is in an allowed network.
func dialled(address string, allowed []netip.Prefix) (host netip.Addr, in bool, err error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return host, false, fault.New(fault.Refused, "the address that was dialled cannot be read", "")
	}
	a := ap.Addr().Unmap().WithZone("")
	if inner, ok := embeddedIPv4(a); ok && !inNetworks(a, allowed) {
		a = inner
	}
	return a, inNetworks(a, allowed), nil
}

func inNetworks(a netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// embeddedIPv4 is the IPv4 address that an IPv6 one leads to by NAT64, 6to4 or as IPv4-compatible.
func embeddedIPv4(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return a, false
	}
	b := a.As16()
	four := func(i int) netip.Addr { return netip.AddrFrom4([4]byte(b[i : i+4])) }
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a):
		return four(12), true
	case netip.MustParsePrefix("2002::/16").Contains(a):
		return four(2), true
	case netip.MustParsePrefix("::/96").Contains(a) && !a.IsLoopback() && !a.IsUnspecified():
		return four(12), true
	}
	return a, false
}

// isPublic reports whether an address is one of the internet's hosts.
func isPublic(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, special := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", // RFC 6890
		"168.63.129.16/32", // of Azure, which answers metadata there
		"64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "fec0::/10",
	} {
		if netip.MustParsePrefix(special).Contains(a) {
			return false
		}
	}
	return true
}
