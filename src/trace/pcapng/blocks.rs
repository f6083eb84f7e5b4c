//! The blocks of the file, one interface a lab (pcapng: draft-ietf-opsawg-pcapng).
//!
//! It stands between the captures and the crate that encodes blocks. Numbers are in network byte order: the two halves of a time in the options of
//! interface statistics then stand in the order that the format wants (§4.6), which the crate gets wrong the other way round.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{
    InterfaceStatisticsBlock, InterfaceStatisticsOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};

use super::About;
use super::packet::Packet;
use crate::trace::escape::escape_hostile;
use crate::trace::wire::Lab;

/// Bytes of a comment that are written.
pub(super) const COMMENT: usize = 4_096;
/// Comments of a block that are written.
pub(super) const COMMENTS: usize = 64;

/// Times in nanoseconds (§4.2, if_tsresol).
const NANOSECONDS: u8 = 9;

const REBUILT: [&str; 2] = [
    "Link and transport headers are rebuilt from what the program saw at its sockets: IP, UDP and TCP headers, sequence numbers, handshakes, \
     acknowledgements and the ends of connections. Payloads, times, addresses and ports are real. A datagram or segment whose both ends are in this \
     program is written once, when it was sent. What was sent inside TLS is written as the plain text that it carried, and marked so.",
    "链路层和传输层首部是根据程序在套接字上所见重建的：IP、UDP、TCP 首部，序号，握手，确认，以及连接的结束。载荷、时间、地址和端口是真实的。\
     两端都在本程序内的数据报或报文段只写一次，时间为发送时刻。TLS 内发送的内容写为它所承载的明文，并有标注。",
];

/// Blocks that are not written out yet; each is whole.
pub(super) struct Blocks {
    writer: PcapNgWriter<Vec<u8>>,
}

/// What is said of an interface at the end.
pub(super) struct Statistics {
    pub start: Option<Duration>,
    pub end: Option<Duration>,
    pub packets: u64,
    pub left_out: u64,
    pub comments: Vec<String>,
}

impl Blocks {
    /// Begins with the section's header and the interfaces.
    pub(super) fn new(about: &About) -> io::Result<Self> {
        let mut options: Vec<_> = REBUILT
            .iter()
            .map(|text| SectionHeaderOption::Comment((*text).into()))
            .collect();
        if !about.command.is_empty() {
            options.push(SectionHeaderOption::Comment(
                comment(&format!("Command: {}", about.command)).into(),
            ));
        }
        let system = format!("{} ({})", std::env::consts::OS, std::env::consts::ARCH);
        options.push(SectionHeaderOption::OS(system.into()));
        options.push(SectionHeaderOption::UserApplication(
            comment(&about.program).into(),
        ));
        let header = SectionHeaderBlock {
            endianness: Endianness::Big,
            options,
            ..SectionHeaderBlock::default()
        };
        let mut writer = PcapNgWriter::with_section_header(Vec::new(), header).map_err(io_error)?;
        for lab in Lab::ALL {
            writer
                .write_pcapng_block(interface(lab))
                .map_err(io_error)?;
        }
        Ok(Self { writer })
    }

    /// Adds a packet. `at` is since 1970 in UTC.
    pub(super) fn packet(
        &mut self,
        lab: Lab,
        at: Duration,
        packet: &Packet,
        comments: &[String],
    ) -> io::Result<()> {
        let block = EnhancedPacketBlock {
            interface_id: number(lab),
            timestamp: at,
            original_len: packet.length,
            data: Cow::Borrowed(&packet.bytes),
            options: comments
                .iter()
                .map(|text| EnhancedPacketOption::Comment(text.into()))
                .collect(),
        };
        self.writer.write_pcapng_block(block).map_err(io_error)?;
        Ok(())
    }

    /// Adds what is said of a lab's interface at the end, at the moment `at` since 1970 in UTC.
    pub(super) fn statistics(
        &mut self,
        lab: Lab,
        at: Duration,
        statistics: Statistics,
    ) -> io::Result<()> {
        let mut options: Vec<_> = statistics
            .comments
            .into_iter()
            .map(|text| InterfaceStatisticsOption::Comment(text.into()))
            .collect();
        let times = [
            statistics
                .start
                .map(nanoseconds)
                .map(InterfaceStatisticsOption::IsbStartTime),
            statistics
                .end
                .map(nanoseconds)
                .map(InterfaceStatisticsOption::IsbEndTime),
        ];
        options.extend(times.into_iter().flatten());
        let received = statistics.packets + statistics.left_out;
        options.push(InterfaceStatisticsOption::IsbIfRecv(received));
        options.push(InterfaceStatisticsOption::IsbIfDrop(statistics.left_out));
        let block = InterfaceStatisticsBlock {
            interface_id: number(lab),
            timestamp: nanoseconds(at),
            options,
        };
        self.writer.write_pcapng_block(block).map_err(io_error)?;
        Ok(())
    }

    /// Bytes that wait to be written out.
    pub(super) fn waiting(&self) -> usize {
        self.writer.get_ref().len()
    }

    /// Writes all blocks to `out`.
    pub(super) fn write_out(&mut self, out: &mut impl Write) -> io::Result<()> {
        let blocks = self.writer.get_mut();
        out.write_all(blocks)?;
        blocks.clear();
        Ok(())
    }
}

/// What an interface is for, and what a reader has to be told to see more than bytes.
fn interface(lab: Lab) -> InterfaceDescriptionBlock<'static> {
    let (description, hint) = match lab {
        Lab::Ping => (
            "ping lab: datagrams of the echo server and of the pingers",
            "Payloads are text of their own. Readers take port 12000 for a protocol of mainframes: tshark -d udp.port==12000,data (with the server's port).",
        ),
        Lab::Web => (
            "web lab: connections of the web server and of the request sender",
            "The ports are not HTTP's own. If a reader shows TCP data only: tshark -d tcp.port==6789,http (with the server's port).",
        ),
        Lab::Mail => (
            "mail lab: connections of the mail server and of the mail client",
            "The ports are not SMTP's own: tshark -d tcp.port==2525,smtp -d tcp.port==2465,smtp (with the server's ports).",
        ),
    };
    InterfaceDescriptionBlock {
        linktype: DataLink::RAW,
        // No limit: what is cut says so itself.
        snaplen: 0,
        options: vec![
            InterfaceDescriptionOption::IfName(lab.name().into()),
            InterfaceDescriptionOption::IfDescription(description.into()),
            InterfaceDescriptionOption::Comment(hint.into()),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ],
    }
}

/// A lab's interface; they stand in the order of [`Lab::ALL`].
pub(super) fn number(lab: Lab) -> u32 {
    match lab {
        Lab::Ping => 0,
        Lab::Web => 1,
        Lab::Mail => 2,
    }
}

/// A comment as it may stand in a file: hostile text escaped, and not too long.
pub(super) fn comment(text: &str) -> String {
    let mut text = escape_hostile(text).into_owned();
    if text.len() > COMMENT {
        let end = (0..=COMMENT - '…'.len_utf8())
            .rev()
            .find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
